"""A flag: a subscription was made from a loopback address. A frozen copy: never edit, add a new
script.

Subscriptions that are here already count as made from one. Nothing tells where they came from; most
are of the person who runs the server, for a program beside the server, and would end without a
word. A user who does not trust one finds it in the list, and deletes it.
"""


def up(migrator, db):
    db.execute_sql(
        'ALTER TABLE "subscription" ADD COLUMN "from_loopback" INTEGER NOT NULL DEFAULT 1'
    )
