"""A private certificate authority, and certificates that it signed, for servers on loopback."""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

PASSWORD = "changeit"
"""Of keystores; Java insists on one."""

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Certificate:
    """A certificate in the forms that servers take.

    Attributes
    ----------
    certificate, key
        PEM files.
    keystore
        Both as PKCS #12, with `PASSWORD`.
    """

    certificate: Path
    key: Path
    keystore: Path


class Authority:
    """An authority made for one test, with a key that nobody else has.

    Parameters
    ----------
    folder : Path
        Where its certificate and all that it issues are written.
    name : str
        Its common name.

    Attributes
    ----------
    certificate : Path
        What clients have to trust, PEM.
    """

    def __init__(self, folder: Path, name: str = "authority for tests") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        subject = _name(name)
        builder = _builder(subject, subject, self._key)
        for extension in (
            x509.BasicConstraints(ca=True, path_length=0),
            _usage(signs_certificates=True),
        ):
            builder = builder.add_extension(extension, critical=True)
        self._own = builder.sign(self._key, hashes.SHA256())
        self.certificate = folder / "authority.pem"
        self.certificate.write_bytes(self._own.public_bytes(Encoding.PEM))

    def issue(self, name: str, hosts: Sequence[str] = _LOOPBACK) -> Certificate:
        """Sign a new certificate, good for servers and clients.

        Parameters
        ----------
        name : str
            Its common name, and the name of its files.
        hosts
            Host names and addresses that it stands for.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(_name(name), self._own.subject, key)
        both = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        for extension, critical in (
            (x509.BasicConstraints(ca=False, path_length=None), True),
            (_usage(signs_certificates=False), True),
            (x509.ExtendedKeyUsage(both), False),
            (x509.SubjectAlternativeName([_host(host) for host in hosts]), False),
        ):
            builder = builder.add_extension(extension, critical=critical)
        signed = builder.sign(self._key, hashes.SHA256())
        issued = Certificate(
            *(self._folder / f"{name}{end}" for end in (".pem", ".key.pem", ".p12"))
        )
        issued.certificate.write_bytes(signed.public_bytes(Encoding.PEM))
        issued.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        issued.keystore.write_bytes(
            pkcs12.serialize_key_and_certificates(
                name.encode(), key, signed, [self._own], BestAvailableEncryption(PASSWORD.encode())
            )
        )
        return issued


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    day = datetime.timedelta(days=1)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - day)
        .not_valid_after(now + day)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
