"""The deployers of a function, and a key for its credentials. A frozen copy: never edit, add a new
script.

The deployers of functions that are here already were not written down. Where there have been no
users but the server's own, the administrator deployed them. Elsewhere anybody may have deployed
them, and to take them for the administrator's would give each of those users all that the
administrator may do: they are nobody's work until they are deployed again.
"""

ADMINISTRATOR = "administrator@taskdock.localhost"
FUNCTIONS = "functions@taskdock.localhost"


def up(migrator, db):
    db.execute_sql('ALTER TABLE "function" ADD COLUMN "deployers" TEXT')
    db.execute_sql('ALTER TABLE "function" ADD COLUMN "credentials_key" TEXT')
    db.execute_sql('UPDATE "function" SET "credentials_key" = lower(hex(randomblob(20)))')
    db.execute_sql(
        """UPDATE "function" SET "deployers" = (
            SELECT '["' || "id" || '"]' FROM "user" WHERE "email" = ?
        ) WHERE NOT EXISTS (SELECT 1 FROM "user" WHERE "email" NOT IN (?, ?))""",
        (ADMINISTRATOR, ADMINISTRATOR, FUNCTIONS),
    )
