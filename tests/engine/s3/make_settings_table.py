"""Prints settings_table.inc: environments, and what botocore makes of them.

A row is variables, the config file, the credentials file, the profile's flag; then the region, and
where the keys come from in one word with its details. Run it with the interpreter of the client
"s3": make_settings_table.py > settings_table.inc. The draw has a fixed seed; test_s3_tables.py
holds the file against this program.
"""

import os
import random
import tempfile
from pathlib import Path
from unittest.mock import patch

import botocore.session
from botocore import credentials, utils
from botocore.exceptions import BotoCoreError

CONFIGS = [
    "",
    "[default]\nregion = eu-north-1\n",
    "[default]\nregion=eu-west-1\naws_access_key_id=CONFIGKEY\n"
    "aws_secret_access_key=config-secret\n",
    "[profile work]\nregion: us-west-2\n"
    "credential_process = /bin/keys --for 'my work' \"a \\\"b\"\n",
    "[profile work]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = default\n",
    "[profile \"work\"]\nrole_arn = arn:aws:iam::1:role/w\nweb_identity_token_file = /tok\n"
    "role_session_name = me\n",
    "[profile work]\nsso_session = s\nsso_account_id = 1\nsso_role_name = r\n"
    "[sso-session s]\nsso_start_url = https://x\nsso_region = us-east-1\n",
    "# a comment\n[work]\nregion = nowhere\n[profile work]\n; another\nregion = ap-south-1\n",
    "[DEFAULT]\nregion = sa-east-1\n[profile work]\noutput = json\n",
    "[profile default]\nregion = ca-central-1\n[default]\nregion = us-gov-east-1\n",
    "[profile work]\naws_access_key_id = CONFIGKEY\n",
    "[profile work]\nec2_metadata_service_endpoint = http://127.0.0.1:9/\n",
    "[default]\nregion = a\nregion = b\n",
    "[default]\n[default]\n",
    "region = a\n",
    "[default]\nnonsense\n",
    "[profile work]\ns3 =\n  nonsense\n",
]
SECRETS = [
    "",
    "[default]\naws_access_key_id = FILEKEY\naws_secret_access_key = file/secret\n",
    "[work]\naws_access_key_id=WORKKEY\naws_secret_access_key=w\naws_session_token = tok==\n",
    "[work]\naws_access_key_id=WORKKEY\naws_secret_access_key=w\naws_security_token = old\n"
    "aws_session_token = new\nregion = eu-south-1\n",
    "[default]\naws_access_key_id = HALF\n",
    "[work]\ncredential_process = keys\n[default]\naws_access_key_id = D\n"
    "aws_secret_access_key = d\n",
    "[profile work]\naws_access_key_id=WRONG\naws_secret_access_key=section\n",
]
VARIABLES = [
    {}, {},
    {"AWS_ACCESS_KEY_ID": "ENVKEY", "AWS_SECRET_ACCESS_KEY": "env-secret"},
    {"AWS_ACCESS_KEY_ID": "ENVKEY", "AWS_SECRET_ACCESS_KEY": "s", "AWS_SESSION_TOKEN": "session",
     "AWS_SECURITY_TOKEN": "security"},
    {"AWS_ACCESS_KEY_ID": "ENVKEY", "AWS_SECRET_ACCESS_KEY": "s", "AWS_SESSION_TOKEN": "session"},
    {"AWS_ACCESS_KEY_ID": "ENVKEY"},
    {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "s"},
    {"AWS_WEB_IDENTITY_TOKEN_FILE": "/var/token", "AWS_ROLE_ARN": "arn:aws:iam::2:role/env"},
    {"AWS_WEB_IDENTITY_TOKEN_FILE": "/var/token"},
    {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/keys?id=1",
     "AWS_CONTAINER_AUTHORIZATION_TOKEN": "Basic x"},
    {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:8/x"},
    {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "https://keys.example.org/x"},
    {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://keys.example.org/x"},
    {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://localhost/x",
     "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/first"},
]
REGIONS = [{}, {}, {"AWS_DEFAULT_REGION": "af-south-1"}]
PROFILES = [{}, {}, {"AWS_PROFILE": "work"}, {"AWS_DEFAULT_PROFILE": "work"},
            {"AWS_PROFILE": "none"}, {"AWS_PROFILE": "none", "AWS_DEFAULT_PROFILE": "work"},
            {"AWS_PROFILE": "default"}]
INSTANCES = [{"AWS_EC2_METADATA_DISABLED": "true"}, {"AWS_EC2_METADATA_DISABLED": "TRUE"}, {},
             {"AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1:7/imds"},
             {"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": "IPv6"}, {"AWS_IMDS_USE_IPV6": "true"}]
FLAGS = ["", "", "", "work", "default"]


class Unsupported(Exception):
    """Keys that need another tool's login."""


def refuse(*_, **__):
    raise Unsupported


def found_by_process(self, command):
    return {"access_key": "process " + "|".join(credentials.compat_shell_split(command)),
            "secret_key": "", "expiry_time": None}


def found_in_container(self, url, headers=None):
    headers = headers or {}
    return {"AccessKeyId": f"container {url} {headers.get('Authorization', '')}".strip(),
            "SecretAccessKey": "", "Token": "", "Expiration": "2999-01-01T00:00:00Z"}


def found_on_instance(self):
    if self._disabled:
        return {}
    return {"role_name": "r", "access_key": "instance " + self.get_base_url().rstrip("/"),
            "secret_key": "", "token": "", "expiry_time": "2999-01-01T00:00:00Z"}


def found_by_web_identity(self):
    session = self._assume_kwargs.get("RoleSessionName", "")
    file = self._web_identity_token_loader._web_identity_token_path
    own = session if not session.startswith("botocore-session-") else ""
    return {"access_key": f"web {self._assume_kwargs['RoleArn']} {file} {own}".strip(),
            "secret_key": "", "token": "", "expiry_time": "2999-01-01T00:00:00Z"}


PATCHES = [
    (credentials.ProcessProvider, "_retrieve_credentials_using", found_by_process),
    (utils.ContainerMetadataFetcher, "_retrieve_credentials", found_in_container),
    (utils.InstanceMetadataFetcher, "retrieve_iam_role_credentials", found_on_instance),
    (credentials.AssumeRoleWithWebIdentityCredentialFetcher, "fetch_credentials",
     found_by_web_identity),
    (credentials.AssumeRoleProvider, "_load_creds_via_assume_role", refuse),
    (credentials.SSOCredentialFetcher, "fetch_credentials", refuse),
]


def ask(flag):
    """(region, where the keys are from) as the current environment has it."""
    session = botocore.session.Session(profile=flag or None)
    try:
        region = session.get_config_variable("region") or ""
        keys = session.get_credentials()
        if keys is None:
            return region, "none"
        keys = keys.get_frozen_credentials()
    except Unsupported:
        return region, "unsupported"
    except (BotoCoreError, ValueError):
        return "", "error"
    if " " in keys.access_key:
        return region, keys.access_key
    return region, f"keys {keys.access_key} {keys.secret_key} {keys.token or ''}".strip()


def row(variables, config, secrets, flag):
    with tempfile.TemporaryDirectory() as home:
        aws = Path(home, ".aws")
        aws.mkdir()
        (aws / "config").write_text(config)
        (aws / "credentials").write_text(secrets)
        with patch.dict(os.environ, variables | {"HOME": home}, clear=True):
            return (*("".join(f"{name}={value}\n" for name, value in variables.items()), config,
                      secrets, flag), *ask(flag))


def quoted(value):
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace(
        "?", "\\?") + '"'


def main():
    draw = random.Random(19700101)
    for target, name, stand_in in PATCHES:
        patch.object(target, name, stand_in).start()
    rows = [({}, config, "", "") for config in CONFIGS]
    for _ in range(400):
        variables = {}
        for choices in (VARIABLES, REGIONS, PROFILES, INSTANCES):
            variables |= draw.choice(choices)
        # Half of all files are as they are most of the time.
        config, secrets = (draw.choice(each) if draw.random() < 0.7 else each[1]
                           for each in (CONFIGS[:-5], SECRETS))
        rows.append((variables, config, secrets, draw.choice(FLAGS)))
    for number, each in enumerate(rows):
        made = row(*each)
        # Most draws name a profile that is not there; a few of them say it all.
        if made[-1] != "error" or number < len(CONFIGS) or number % 4 == 0:
            print("{" + ", ".join(map(quoted, made)) + "},")


if __name__ == "__main__":
    main()
