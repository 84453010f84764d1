"""Fixtures: the SDK, and what a script of the SDK's needs to know of a server."""

from __future__ import annotations

import pytest

from taskdock.identity.directory import ADMINISTRATOR
from tests.service.conftest import clock, start_dock, stop_later  # noqa: F401
from tests.support.builders import Dock, StartDock
from tests.support.sdk import Sdk, installed

SIGNATURES = ("OAuth1", "OAuth2")

CLIENT = """
const v = process.env;
const consumer = { consumerKey: v.API_OAUTH_CONSUMER_KEY,
                   consumerSecret: v.API_OAUTH_CONSUMER_SECRET };
const exh = v.SIGNATURE === 'OAuth2'
  ? sdk.createOAuth2Client({ host: v.API_HOST, clientId: v.CLIENT, clientSecret: v.SECRET })
  : sdk.createOAuth1Client({ host: v.API_HOST, ...consumer,
                             token: v.API_OAUTH_TOKEN, tokenSecret: v.API_OAUTH_TOKEN_SECRET });
if (v.SIGNATURE === 'OAuth2')
  await exh.auth.authenticate({ username: v.EMAIL, password: v.PASSWORD });
const rql = () => sdk.rqlBuilder();
const print = value => console.log(JSON.stringify(value));
const outcome = async call => {
  try { return await call(); } catch (error) { return error.constructor.name; }
};
"""
"""The head of a script: the administrator's client `exh`, signing as SIGNATURE says."""


@pytest.fixture(scope="session")
def sdk() -> Sdk:
    return Sdk(installed())


@pytest.fixture
def strict(start_dock: StartDock) -> Dock:  # noqa: F811
    return start_dock(auth="strict")


def variables(dock: Dock, signature: str = "OAuth1", /, **more: str) -> dict[str, str]:
    """What CLIENT reads."""
    local = dock.emulator.directory.local
    return {
        "SIGNATURE": signature,
        "API_HOST": dock.emulator.url,
        **local.credentials,
        "CLIENT": local.application.client_id,
        "SECRET": local.application.client_secret,
        "EMAIL": ADMINISTRATOR,
        "PASSWORD": local.password or "",
        **more,
    }
