"""A time-stamping authority made on the spot by the program `openssl`; no network."""

import shutil
import subprocess
from pathlib import Path

HAS_OPENSSL = shutil.which("openssl") is not None
_CONFIG = """\
[req]
distinguished_name = name
[name]
[ca]
basicConstraints = critical, CA:TRUE
[signer]
basicConstraints = CA:FALSE
extendedKeyUsage = critical, timeStamping
[tsa]
default_tsa = here
[here]
serial = serial
signer_digest = sha256
default_policy = 1.2.3.4.1
other_policies = 1.2.3.4.2
digests = sha256
tsa_name = yes
ess_cert_id_chain = no
ess_cert_id_alg = sha256
"""


class TimeStampingAuthority:
    """Certificates of a CA and of an authority under it in a folder, and responses by it."""

    def __init__(self, folder: Path, name: str = "Test TSA") -> None:
        folder.mkdir()
        self.folder = folder
        (folder / "config").write_text(_CONFIG)
        (folder / "serial").write_text("01\n")
        ec = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-config", "config")
        self._openssl(
            *("req", "-x509", *ec, "-keyout", "ca.key", "-out", "ca.pem", "-days", "3650"),
            *("-subj", "/CN=Test CA", "-extensions", "ca"),
        )
        self._openssl("req", *ec, "-keyout", "key", "-out", "request", "-subj", f"/CN={name}")
        self._openssl(
            *("x509", "-req", "-in", "request", "-CA", "ca.pem", "-CAkey", "ca.key"),
            *("-set_serial", "2", "-out", "signer.pem", "-days", "3650"),
            *("-extfile", "config", "-extensions", "signer"),
        )

    @property
    def certificates(self) -> Path:
        """The certificate of the CA, which whoever verifies must trust."""
        return self.folder / "ca.pem"

    def answer(self, request: Path, response: Path) -> None:
        """Write the response to a request."""
        self._openssl(
            *("ts", "-reply", "-queryfile", str(request), "-out", str(response)),
            *("-signer", "signer.pem", "-inkey", "key", "-config", "config"),
        )

    def _openssl(self, *words: str) -> None:
        subprocess.run(["openssl", *words], cwd=self.folder, check=True, capture_output=True)
