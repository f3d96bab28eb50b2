"""Mimika: a patient-education assistant about botulinum therapy.

Read in this order: `conversation.py`, `messages.py`, `ports.py`, `app.py`, then one step with its unit test.
"""
