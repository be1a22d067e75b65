"""What makes a cluster a secure one: Kerberos for who asks, TLS for what WebHDFS carries."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Kerberos:
    """A realm as the daemons need to know it.

    Attributes
    ----------
    realm
        Its name.
    configuration
        Its krb5.conf.
    keytab
        Holds the keys of `SERVICES`.
    """

    realm: str
    configuration: Path
    keytab: Path

    SERVICES = ("nn/localhost", "dn/localhost", "HTTP/localhost")

    @property
    def options(self) -> tuple[str, ...]:
        """The JVM's options."""
        return (f"-Djava.security.krb5.conf={self.configuration}",)

    @property
    def settings(self) -> dict[str, str]:
        """Hadoop's settings, for the daemons and for clients."""
        namenode, datanode, web = (f"{service}@{self.realm}" for service in self.SERVICES)
        return {
            "hadoop.security.authentication": "kerberos",
            "hadoop.security.authorization": "true",
            "hadoop.http.authentication.type": "kerberos",
            "hadoop.http.authentication.kerberos.principal": web,
            "hadoop.http.authentication.kerberos.keytab": str(self.keytab),
            "dfs.block.access.token.enable": "true",
            "dfs.namenode.kerberos.principal": namenode,
            "dfs.namenode.keytab.file": str(self.keytab),
            "dfs.datanode.kerberos.principal": datanode,
            "dfs.datanode.keytab.file": str(self.keytab),
            "dfs.web.authentication.kerberos.principal": web,
            "dfs.web.authentication.kerberos.keytab": str(self.keytab),
            # A DataNode of a secure cluster wants ports below 1024, which only root can have.
            "ignore.secure.ports.for.testing": "true",
        }


@dataclass(frozen=True)
class Tls:
    """A certificate for WebHDFS on localhost.

    Attributes
    ----------
    keystore
        Key and certificate as PKCS #12.
    password
        Of the keystore and the key.
    authority
        The certificate of who signed it, PEM.
    """

    keystore: Path
    password: str
    authority: Path

    @property
    def settings(self) -> dict[str, str]:
        """Hadoop's settings: nothing but TLS."""
        return {"dfs.http.policy": "HTTPS_ONLY"}

    @property
    def server(self) -> dict[str, str]:
        """What ssl-server.xml holds."""
        return {
            "ssl.server.keystore.type": "PKCS12",
            "ssl.server.keystore.location": str(self.keystore),
            "ssl.server.keystore.password": self.password,
            "ssl.server.keystore.keypassword": self.password,
        }
