"""Whether a subscription was made from a loopback address. A frozen copy: never edit, add a new
script.

Those that are here already count as made from one. Nothing tells where they came from; most are of
whoever runs the server, for a program beside it, and they would end without a word. Whoever does
not trust one finds it in the list, and deletes it.
"""


def up(migrator, db):
    db.execute_sql(
        'ALTER TABLE "subscription" ADD COLUMN "from_loopback" INTEGER NOT NULL DEFAULT 1'
    )
