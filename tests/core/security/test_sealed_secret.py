"""The cipher that secrets are sealed with is AES-256-GCM as the test vectors know it."""

import json

import pytest

from core.security.sealed_secret import SealedSecretError, _decrypt
from tests.support.shared import shared_path


def test_the_vectors_of_aes_gcm() -> None:
    document = json.loads(shared_path("vectors/wycheproof_aes_gcm_test.json").read_text("utf-8"))
    tried = 0
    for group in document["testGroups"]:
        if (group["keySize"], group["ivSize"], group["tagSize"]) != (256, 96, 128):
            continue
        for test in group["tests"]:
            key, nonce, aad, plain, cipher, tag = (
                bytes.fromhex(test[name]) for name in ("key", "iv", "aad", "msg", "ct", "tag")
            )
            tried += 1
            if test["result"] == "valid":
                assert _decrypt(key, nonce + cipher + tag, aad, "X") == plain, test["tcId"]
            else:
                with pytest.raises(SealedSecretError):
                    _decrypt(key, nonce + cipher + tag, aad, "X")
    assert tried >= 50
