"""Alembic's entry: runs the revisions on the connection it is given, in that connection's transaction."""

from alembic import context

from bot.adapters.database.tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA, transactional_ddl=False)
context.run_migrations()
