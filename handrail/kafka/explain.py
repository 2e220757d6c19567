"""What Kafka's client raises, told apart in one line: what is wrong, of whom, and what to do about it."""

import asyncio
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass

from aiokafka import errors

from handrail.kafka.cluster import Cluster
from handrail.kafka.login import PASSWORDS
from handrail.kafka.principal import ended, principal_of
from handrail.kafka.rights import Right, command
from handrail.kafka.token import NoToken

TLS_ALERT = 0x1503  # how the answer of a TLS listener begins where something else was expected
CAUSES_MAX = 10
FORBIDDEN = (
    errors.TopicAuthorizationFailedError,
    errors.GroupAuthorizationFailedError,
    errors.ClusterAuthorizationFailedError,
)
# OpenSSL's numbers of what is wrong with a broker's certificate.
ENDED, NOT_YET, OTHER_NAME, OTHER_ADDRESS = 10, 9, 62, 64
UNKNOWN_AUTHORITY = (7, 18, 19, 20, 21)


@dataclass(frozen=True, slots=True)
class Probe:
    """What a look at an address showed beside the error: whether it speaks without TLS, and how it wants a login."""

    error: BaseException
    plain: bool = False
    mechanisms: tuple[str, ...] = ()


def explain(error: BaseException, cluster: Cluster, asked: Right | None = None, probe: Probe | None = None) -> str:
    """One line, without a secret. `asked`: the needed right; `probe`: of `knock`, where the error hides why."""
    probe = probe or Probe(error)
    for cause in _causes(error):
        for describe in (_forbidden, _login, _certificate, _tls, _away):
            if line := describe(cause, cluster, asked, probe):
                return f"broker {cluster}: {line}"
    what = " ".join(str(error).split()) or type(error).__name__
    return f"broker {cluster}: it answers: {what}: mend what is said there"


def hides_why(error: BaseException) -> bool:
    """Whether the client has kept the cause to itself, so that only a look shows it."""
    return all(type(cause) in (errors.KafkaConnectionError, errors.NodeNotReadyError) for cause in _causes(error))


def _causes(error: BaseException) -> Iterator[BaseException]:
    """From what was raised down to what it came from."""
    cause: BaseException | None = error
    for _ in range(CAUSES_MAX):
        if cause is None:
            return
        yield cause
        cause = cause.__cause__ or cause.__context__


def _forbidden(error: BaseException, cluster: Cluster, asked: Right | None, _: Probe) -> str:
    if isinstance(error, errors.TransactionalIdAuthorizationFailed):
        return f"{principal_of(cluster.login)} may not use that transactional id, and no part of Handrail needs one"
    if not isinstance(error, FORBIDDEN):
        return ""
    principal = principal_of(cluster.login)
    right = asked or _right_of(error)
    if right is None:
        what = " ".join(str(error).split())
        return f"{principal} lacks a right ({what}): compare what it has with `handrail acl --check`"
    return lacks(principal, right, cluster)


def lacks(principal: str, right: Right, cluster: Cluster) -> str:
    """Who lacks what, and the command that grants it."""
    return f"{principal} lacks {right}: {command(principal, (right,), str(cluster))}"


def _right_of(error: BaseException) -> Right | None:
    """What an error says itself; of topics and the cluster it does not say what was to be done with them."""
    name = error.args[0] if error.args and isinstance(error.args[0], str) else ""
    if isinstance(error, errors.GroupAuthorizationFailedError) and name and " " not in name:
        return Right("group", name, "Read")
    return None


def _login(error: BaseException, cluster: Cluster, _: Right | None, probe: Probe) -> str:
    settings, mechanism = cluster.login.settings, cluster.login.mechanism
    if isinstance(error, NoToken):
        return str(error)
    if isinstance(error, errors.UnsupportedSaslMechanismError):
        offered = f"it takes {', '.join(probe.mechanisms)}" if probe.mechanisms else "ask which it takes"
        return f"it does not take {mechanism}: {offered}: set kafka_sasl_mechanism"
    if isinstance(error, errors.IllegalSaslStateError):
        return f"it asks for no login at this port: set kafka_security_protocol {cluster.login.protocol[5:]}"
    if not isinstance(error, errors.SaslAuthenticationFailed):
        return ""
    if mechanism in PASSWORDS:
        given = f"kafka_username {settings.kafka_username} or what is in kafka_password_file"
        return f"it does not know this login ({mechanism}): {given} {settings.kafka_password_file} is wrong"
    what = "its signature, issuer, audience or end is not what the broker expects"
    return f"it refuses the token of {principal_of(cluster.login)}: {what}: look at what kafka_token_command gives"


def _certificate(error: BaseException, cluster: Cluster, _: Right | None, __: Probe) -> str:
    """Of the broker, as this client sees it."""
    if not isinstance(error, ssl.SSLCertVerificationError):
        return ""
    code, trusted = error.verify_code, cluster.login.settings.kafka_ca_file
    if code == ENDED:
        return "its certificate has ended: have it renewed"
    if code == NOT_YET:
        return "its certificate is not valid yet: are the clocks of both machines right?"
    if code in (OTHER_NAME, OTHER_ADDRESS):
        return f"its certificate is for another host ({error.verify_message}): use a name that is in it"
    if code in UNKNOWN_AUTHORITY:
        by = f"kafka_ca_file {trusted}" if trusted else "the system's certificates, and no kafka_ca_file is set"
        return f"its certificate is of an authority that is not in {by}: give the file of that authority"
    return f"its certificate cannot be trusted: {error.verify_message}"


def _tls(error: BaseException, cluster: Cluster, _: Right | None, probe: Probe) -> str:
    uses_tls = cluster.login.tls is not None
    if isinstance(error, asyncio.IncompleteReadError):
        if (error.expected or 0) >> 16 == TLS_ALERT:
            return "it speaks TLS at this port: set kafka_security_protocol SSL, or SASL_SSL where it asks for a login"
        if cluster.login.mechanism is None and probe.mechanisms:
            protocol = "SASL_SSL" if uses_tls else "SASL_PLAINTEXT"
            return (
                f"it asks for a login: set kafka_security_protocol {protocol}, and kafka_sasl_mechanism to one of "
                + (", ".join(probe.mechanisms))
            )
    if uses_tls and (probe.plain or getattr(error, "reason", None) == "WRONG_VERSION_NUMBER"):
        return "it does not speak TLS at this port: give the port of its TLS listener, or a protocol without SSL"
    if not isinstance(error, ssl.SSLError):
        return ""
    reason = getattr(error, "reason", None) or "without a reason"
    return _of_this_client(reason, cluster) if "_ALERT_" in reason else f"it answers, and TLS fails with it ({reason})"


def _of_this_client(alert: str, cluster: Cluster) -> str:
    cert = cluster.login.settings.kafka_cert_file
    if cert is None:
        return "it asks for this client's certificate: set kafka_cert_file and kafka_key_file"
    if end := ended(cluster.login):
        return f"it refuses this client's certificate: kafka_cert_file {cert} has ended ({end}): renew it"
    reason = alert.partition("_ALERT_")[2].replace("_", " ").lower()
    return f"it refuses this client's certificate ({reason}): is kafka_cert_file {cert} of an authority that it trusts?"


def _away(error: BaseException, cluster: Cluster, _: Right | None, __: Probe) -> str:
    ask = "is it running, and is the address right?"
    if isinstance(error, socket.gaierror):
        return f"no such host ({error.strerror}): {ask}"
    if isinstance(error, ConnectionRefusedError):
        return f"nothing listens there: {ask}"
    if isinstance(error, TimeoutError | errors.KafkaTimeoutError | errors.RequestTimedOutError):
        return f"no answer: {ask}"
    if isinstance(error, OSError | EOFError | errors.KafkaConnectionError):
        cause = error.__cause__ or error.__context__
        if cause is None:
            return (
                f"no answer, the connection was closed ({' '.join(str(error).split()) or type(error).__name__}): {ask}"
            )
    return ""
