"""Settings in place of an image's own. A frozen copy: never edit, add a new script."""


def up(migrator, db):
    db.execute_sql('ALTER TABLE "function" ADD COLUMN "image_config" TEXT')
