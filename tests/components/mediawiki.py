"""A wiki like Wikimedia Commons on loopback: Debian's MediaWiki with SQLite, no root needed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

SOURCE = Path("/usr/share/mediawiki")
WORKERS = 6
"""How many requests the server answers at once."""

_SETTINGS = """
$wgServer = 'http://' . ( $_SERVER['HTTP_HOST'] ?? '127.0.0.1' );
$wgEnableUploads = true;
$wgFileExtensions = [ 'wav', 'flac', 'ogg', 'mp3', 'png', 'txt' ];
$wgUploadDirectory = '%(folder)s/images';
$wgUploadPath = '/img_auth.php';
$wgMainCacheType = CACHE_NONE;
$wgParserCacheType = CACHE_NONE;
$wgJobRunRate = 0;
$wgShowExceptionDetails = true;

// Commons has the length of a recording from an extension for sound; this is as much of it.
class WavLength extends MediaHandler {
	public function getParamMap() { return []; }
	public function validateParam( $name, $value ) { return true; }
	public function makeParamString( $params ) { return ''; }
	public function parseParamString( $string ) { return []; }
	public function normaliseParams( $image, &$params ) { return true; }
	public function getImageSize( $image, $path ) { return [ 0, 0 ]; }
	public function doTransform( $image, $path, $url, $params, $flags = 0 ) { return false; }
	public function getSizeAndMetadata( $state, $path ) {
		return [ 'width' => 0, 'height' => 0, 'metadata' => [] ];
	}
	public function getLength( $file ) {
		$head = file_get_contents( $file->getLocalRefPath(), false, null, 0, 64 );
		$rate = strlen( $head ) >= 32 ? unpack( 'V', substr( $head, 28, 4 ) )[1] : 0;
		return $rate ? ( $file->getSize() - 44 ) / $rate : 0.0;
	}
}
$wgMediaHandlers['audio/wav'] = $wgMediaHandlers['audio/x-wav'] = WavLength::class;

// What the extension CommonsMetadata reads from templates comes from a file of the tests.
$wgHooks['GetExtendedMetadata'][] = static function ( &$all, $file ) {
	$given = json_decode( file_get_contents( '%(folder)s/metadata.json' ), true );
	foreach ( $given[ $file->getTitle()->getText() ] ?? [] as $name => $value ) {
		$all[$name] = [ 'value' => $value, 'source' => 'commons-desc-page' ];
	}
	return true;
};
$wgHooks['ValidateExtendedMetadataCache'][] = static fn () => false;
"""


@dataclass
class Upload:
    """A file for the wiki.

    Attributes
    ----------
    path
        Its content.
    categories
        Of its page, without the namespace.
    metadata
        Its fields of extmetadata, as Commons spells them; values may hold HTML.
    """

    path: Path
    categories: tuple[str, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)


class Wiki:
    """A running wiki.

    Parameters
    ----------
    folder : Path
        Everything that it writes is below.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._metadata: dict[str, Mapping[str, str]] = {}
        for name in ("conf", "data", "images", "import"):
            (folder / name).mkdir(parents=True)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.host = f"127.0.0.1:{self.port}"
        self.api = f"http://{self.host}/api.php"
        self._script(
            "install",
            *("--confpath", str(folder / "conf"), "--dbpath", str(folder / "data")),
            *("--dbtype", "sqlite", "--dbname", "wiki", "--scriptpath", ""),
            *("--server", f"http://{self.host}", "--pass", "correct horse battery staple"),
            *("A wiki", "Operator"),
            configured=False,
        )
        with (folder / "conf" / "LocalSettings.php").open("a") as settings:
            settings.write(_SETTINGS % {"folder": folder})
        self._write_metadata()
        self._server = subprocess.Popen(
            ["php", "-S", self.host, "-t", str(SOURCE)],
            env=self._environment | {"PHP_CLI_SERVER_WORKERS": str(WORKERS)},
            stdout=subprocess.DEVNULL,
            stderr=(folder / "server.log").open("wb"),
            start_new_session=True,
        )
        self._wait()

    def stop(self) -> None:
        """End the server and its workers."""
        os.killpg(self._server.pid, signal.SIGTERM)
        self._server.wait(timeout=30)

    def upload(self, files: Mapping[str, Upload], *, replace: bool = False) -> None:
        """Put files on the wiki, by their names there; `replace` makes new revisions."""
        for name, file in files.items():
            shutil.copyfile(file.path, self._folder / "import" / name)
            text = "".join(f"[[Category:{c}]]\n" for c in file.categories)
            (self._folder / "import" / f"{Path(name).stem}.txt").write_text(text or "A file.")
            self._metadata[name] = file.metadata
        self._write_metadata()
        extensions = ("--extensions=wav,flac,ogg,mp3,png", "--comment-ext=txt")
        overwrite = ("--overwrite",) if replace else ()
        self._script("importImages", *extensions, *overwrite, str(self._folder / "import"))
        for left in (self._folder / "import").iterdir():
            left.unlink()

    def describe(self, name: str, metadata: Mapping[str, str]) -> None:
        """Change what a file's page says."""
        self._metadata[name] = metadata
        self._write_metadata()

    def write_page(self, title: str, text: str) -> None:
        """Write a page, a category's for instance."""
        self._script("edit", "--user", "Operator", title, content=text)

    def delete(self, titles: Iterable[str]) -> None:
        """Delete pages; a file goes with its page."""
        names = self._folder / "titles.txt"
        names.write_text("\n".join(titles))
        self._script("deleteBatch", "--u", "Operator", str(names))

    def stored(self, name: str) -> Path:
        """Give the place of a file's content in the wiki's own folder."""
        [path] = [
            p
            for p in (self._folder / "images").rglob(name.replace(" ", "_"))
            if not {"archive", "deleted", "temp", "thumb"} & set(p.parts)
        ]
        return path

    @property
    def _environment(self) -> dict[str, str]:
        return {**os.environ, "MW_CONFIG_FILE": str(self._folder / "conf" / "LocalSettings.php")}

    def _script(
        self, name: str, *arguments: str, content: str = "", configured: bool = True
    ) -> None:
        done = subprocess.run(
            ["php", str(SOURCE / "maintenance" / f"{name}.php"), *arguments],
            env=self._environment if configured else None,
            input=content,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def _write_metadata(self) -> None:
        fresh = self._folder / "metadata.new"
        fresh.write_text(json.dumps(self._metadata))
        fresh.replace(self._folder / "metadata.json")

    def _wait(self) -> None:
        deadline = time.monotonic() + 30
        while True:
            try:
                with urllib.request.urlopen(f"{self.api}?action=query&format=json", timeout=10):
                    return
            except (OSError, urllib.error.URLError):
                assert time.monotonic() < deadline, (self._folder / "server.log").read_text()
                time.sleep(0.05)
