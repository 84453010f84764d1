"""Users, roles, applications and tokens. A frozen copy: never edit, add a new script."""

from peewee import BigIntegerField, CharField, CompositeKey, Model, TextField


class User(Model):
    id = CharField(max_length=24, primary_key=True)
    email = CharField(max_length=256, unique=True)
    first_name = TextField()
    last_name = TextField()
    phone_number = TextField()
    language = CharField(max_length=16)
    time_zone = TextField()
    password = TextField(null=True)
    creation_timestamp = BigIntegerField()
    update_timestamp = BigIntegerField()

    class Meta:
        table_name = "user"


class Role(Model):
    id = CharField(max_length=24, primary_key=True)
    name = CharField(max_length=256, unique=True)
    description = TextField()
    permissions = TextField()
    creation_timestamp = BigIntegerField()
    update_timestamp = BigIntegerField()

    class Meta:
        table_name = "role"


class UserRole(Model):
    user_id = CharField(max_length=24)
    role_id = CharField(max_length=24)

    class Meta:
        table_name = "user_role"
        primary_key = CompositeKey("user_id", "role_id")


class Application(Model):
    id = CharField(max_length=24, primary_key=True)
    name = TextField()
    description = TextField()
    consumer_key = CharField(max_length=64, unique=True)
    consumer_secret = CharField(max_length=64)
    client_id = CharField(max_length=64, unique=True)
    client_secret = CharField(max_length=64)
    creation_timestamp = BigIntegerField()
    update_timestamp = BigIntegerField()

    class Meta:
        table_name = "application"


class Token(Model):
    id = CharField(max_length=24, primary_key=True)
    kind = CharField(max_length=16)
    application_id = CharField(max_length=24)
    user_id = CharField(max_length=24)
    token = CharField(max_length=64, unique=True)
    secret = CharField(max_length=64, null=True)
    refresh_token_id = CharField(max_length=24, null=True)
    expiry_timestamp = BigIntegerField(null=True)
    creation_timestamp = BigIntegerField()
    update_timestamp = BigIntegerField()
    last_used_timestamp = BigIntegerField()

    class Meta:
        table_name = "token"


UserRole.add_index(UserRole.index(UserRole.role_id, name="user_role_by_role"))
Token.add_index(Token.index(Token.user_id, Token.kind, name="token_by_user"))

TABLES = [User, Role, UserRole, Application, Token]


def up(migrator, db):
    with db.bind_ctx(TABLES):
        db.create_tables(TABLES, safe=False)
