"""The user of AWS Lambda's functions in an image's /etc/passwd."""

import pytest

from taskdock.engines.docker.containers.passwd import with_user

ROOT = b"root:x:0:0:root:/root:/bin/bash\n"
USER = b"sbx_user1051:x:993:990::/home/sbx_user1051:/sbin/nologin\n"


@pytest.mark.parametrize(
    "passwd",
    [
        ROOT,
        ROOT + b"daemon:x:1:1::/:/bin/false",  # without a last line end
        b"\n# a comment\n\xff\x00 garbage\n:::993\n" + ROOT,
        b"group:x:1:993:a gid:/:/bin/sh\n",
        b"short:x:993\n",
        b"app:x:993:993:another name:/app:/bin/sh\n" + USER,
        b"sbx_user1051:x:1051:990:another id:/:/bin/sh\n",
    ],
)
def test_the_user_comes_before_all_others_of_a_file_that_does_not_know_it(passwd):
    assert with_user(passwd) == USER + passwd


@pytest.mark.parametrize(
    "passwd",
    [
        USER,
        ROOT + USER.rstrip(),
        ROOT + b"sbx_user1051:x:993:990:of the image's own:/tmp:/bin/sh\n",
        ROOT + USER + b"app:x:993:993:comes later:/app:/bin/sh\n",
    ],
)
def test_a_file_that_knows_the_user_stays_as_it_is(passwd):
    assert with_user(passwd) is None


def test_where_there_is_no_file_root_has_a_name_too():
    assert with_user(b"") == USER + b"root:x:0:0:root:/root:/sbin/nologin\n"
