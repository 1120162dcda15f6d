"""What an attempt did with secrets, in words."""

from core.domain.secret_use import SecretUse
from core.domain.state_word import counted


def secret_text(use: SecretUse | None) -> str | None:
    """Return which secrets were read and how often each was masked, None without any."""
    if use is None:
        return None
    parts = []
    if use.read:
        named = [f"{name} (not masked)" if name in use.unmasked else name for name in use.read]
        parts.append(f"read {', '.join(named)}")
    if use.redactions:
        masked = [f"{name} {counted(count, 'time')}" for name, count in use.redactions.items()]
        parts.append(f"masked {', '.join(masked)}")
    return "; ".join(parts) or None
