"""The clinic's report: what was asked, what was left unanswered, how it went; no step of it knows a patient."""
