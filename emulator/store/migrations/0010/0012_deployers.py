"""Who deployed a function, and a key for its credentials. A frozen copy: never edit, add a new
script.

Who deployed what is there already was not written down. Where there have been no users but the
server's own, it was the administrator. Elsewhere it may have been anybody, and to take it for the
administrator's would give each of them all that the administrator may do: it is nobody's work until
it is deployed again.
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
