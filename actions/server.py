"""The action server that a Rasa server calls: rasa-sdk's own, with our ready-built actions, on loopback."""

from __future__ import annotations

from rasa_sdk.endpoint import create_app
from rasa_sdk.executor import ActionExecutor

from actions import all_actions
from bot.app import App


def executor(app: App) -> ActionExecutor:
    found = ActionExecutor()
    for action in all_actions(app.conversation, app.clock):
        found.register_action(action)
    return found


def serve(app: App, port: int) -> None:
    """Serve until stopped; only this machine can reach it, since the protocol has no password."""
    server = create_app(executor(app))
    server.run(host="127.0.0.1", port=port, single_process=True, motd=False, access_log=False)
