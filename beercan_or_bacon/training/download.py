"""Candidate -> picture on disk, or a Rejection with its reason."""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
import warnings
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
from PIL import Image
from yarl import URL

from .web import PASSING, USER_AGENT, PrivateAddress, TryAgain, public_socket, retry_after, retrying

BYTES = 20_000_000  # the largest picture that is read
PIXELS = 50_000_000  # the largest that is decoded: 150 MB as RGB
SILENCE = 10.0  # seconds without a byte before a server counts as stalled
SECONDS = 30.0  # the longest that one picture may take from its first byte to its last, redirects included
REDIRECTS = 5
AT_ONCE = 48  # pictures in flight
PER_HOST = 8  # of which from one host; browsers open 6 connections to one
ATTEMPTS = 3
PATIENCE = 60.0  # seconds: the longest that a server may make one picture wait in this run
# Pillow's name of a format -> extension; MPO is what it calls a JPEG with more pictures behind the first. Nothing else
# is decoded: pictures of unknown servers are not to be trusted.
FORMATS = {
    "JPEG": "jpg", "MPO": "jpg", "PNG": "png", "WEBP": "webp", "GIF": "gif", "BMP": "bmp", "TIFF": "tif",
    "AVIF": "avif",
}  # fmt: skip
OPT_OUT = {"noai", "noimageai"}  # words of X-Robots-Tag, as DeviantArt introduced them
NOT_FOR_TRAINING = ("unsplash.com",)  # domains whose terms forbid it
Image.init()  # all decoders now, not by many threads at once
warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # PIXELS is stricter


@dataclass(frozen=True)
class Picture:
    """A whole picture on disk: file is its path below the data folder, width and height are pixels as displayed."""

    file: str
    sha256: str
    bytes: int
    width: int
    height: int


class Rejection(Exception):
    """Why a candidate is no picture here. final: asking again in another run cannot help."""

    def __init__(self, reason: str, final: bool = True):
        super().__init__(reason)
        self.reason, self.final = reason, final


@dataclass
class Host:
    """What is known in this run of one host (name and port)."""

    slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(PER_HOST))
    resume: float = 0.0  # the loop's time before which it has asked not to be asked
    failures: int = 0  # in a row
    throttles: int = 0  # in a row

    @property
    def lost(self) -> bool:
        """It has failed as often in a row as it is asked at once: no more is asked of it in this run."""
        return self.failures >= PER_HOST


class Downloader:
    """Fetches pictures into a data folder, many at once, few at a time of one host. Use as `async with`.

    A picture is written under a temporary name and renamed once it is known to be whole, so that a file under
    pictures/ is complete or absent.

    data: the data folder. named: host names that may have private addresses (servers named on the command line).
    Proxies from the environment are not used: behind one, nobody could tell which address is connected to.
    """

    def __init__(self, data: Path, named: frozenset[str] = frozenset()):
        self.folder = Path(data) / "pictures"
        self.named = named
        self.hosts: dict[str, Host] = defaultdict(Host)
        self.pool = asyncio.Semaphore(AT_ONCE)

    async def __aenter__(self) -> Downloader:
        self.folder.mkdir(parents=True, exist_ok=True)
        for part in self.folder.glob(".part-*"):  # of a run that was killed
            part.unlink()
        self.public = self._session(socket_factory=public_socket)
        self.private = self._session()
        return self

    async def __aexit__(self, *error) -> None:
        await self.public.close()
        await self.private.close()

    def _session(self, **connector) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, limit_per_host=PER_HOST, **connector),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": USER_AGENT, "Accept": "image/*", "Accept-Encoding": "identity"},
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=SILENCE, sock_read=SILENCE),
        )

    def lost(self, url: str) -> bool:
        """Whether the host of this address stopped answering in this run."""
        return urlsplit(url).netloc in self.hosts and self.hosts[urlsplit(url).netloc].lost

    async def fetch(self, url: str) -> Picture:
        """The picture at an address, on disk.

        Asks again where that may help (429, 503, a lost connection, a body cut short). Raises Rejection otherwise.
        """
        try:
            address = URL(url, encoded=url.isascii() and " " not in url)  # as found: queries may be signed
            host = self.hosts[urlsplit(url).netloc]
        except ValueError:
            raise Rejection("bad address") from None
        if f".{address.host}".endswith(tuple(f".{domain}" for domain in NOT_FOR_TRAINING)):
            raise Rejection("terms forbid training")
        try:
            async for attempt in retrying(ATTEMPTS, PATIENCE):
                with attempt:
                    async with host.slots:
                        await asyncio.sleep(host.resume - asyncio.get_running_loop().time())
                        async with self.pool:
                            return await self._once(address, host)
        except TryAgain as failure:
            raise Rejection(failure.reason, final=False) from None

    async def _once(self, address: URL, host: Host) -> Picture:
        """One attempt, within its time; what went wrong becomes Rejection or TryAgain."""
        if host.lost:
            raise Rejection("host does not answer", final=False)
        try:
            async with asyncio.timeout(SECONDS):
                picture = await self._follow(address, host)
        except TimeoutError as error:  # aiohttp's own are TimeoutErrors too
            host.failures += 1
            connected = not isinstance(error, aiohttp.ConnectionTimeoutError)
            raise Rejection("stalled" if connected else "unreachable", final=False) from None
        except aiohttp.ClientPayloadError:
            raise TryAgain("truncated") from None
        except aiohttp.ClientSSLError:
            raise Rejection("bad certificate") from None
        except aiohttp.ClientConnectionError as error:
            if isinstance(getattr(error, "os_error", None), PrivateAddress):
                raise Rejection("private address") from None
            host.failures += 1
            raise TryAgain("unreachable") from None
        except (ValueError, aiohttp.NonHttpUrlClientError):  # aiohttp.InvalidURL is a ValueError
            raise Rejection("bad address") from None
        except aiohttp.ClientError:
            raise Rejection("not http") from None
        host.failures = 0
        return picture

    async def _follow(self, address: URL, host: Host) -> Picture:
        seen = set()
        for _ in range(REDIRECTS + 1):
            seen.add(address)
            session = self.private if address.host in self.named else self.public
            async with session.get(address, allow_redirects=False) as response:
                host.failures = 0
                if response.status not in (301, 302, 303, 307, 308):
                    return await self._receive(response, host)
                address = address.join(URL(response.headers.get("Location", "")))
            if address in seen:
                raise Rejection("redirect loop")
        raise Rejection("too many redirects")

    async def _receive(self, response: aiohttp.ClientResponse, host: Host) -> Picture:
        if response.status in PASSING:
            after = retry_after(response.headers)
            host.throttles = host.throttles + 1 if response.status == 429 else 0
            if host.throttles > 1:  # it means all of us, not this one picture
                host.resume = asyncio.get_running_loop().time() + min(after or 1.0, PATIENCE)
            raise TryAgain(f"http {response.status}", after)
        host.throttles = 0
        if response.status != 200:
            raise Rejection(f"http {response.status}")
        robots = ",".join(response.headers.getall("X-Robots-Tag", ())).lower()
        if OPT_OUT & {word.strip() for word in robots.replace(":", ",").split(",")}:
            raise Rejection("opted out")
        if (response.content_length or 0) > BYTES:
            raise Rejection("too large")
        digest, size = hashlib.sha256(), 0
        part = tempfile.NamedTemporaryFile(dir=self.folder, prefix=".part-", delete=False)  # noqa: SIM115
        try:
            with part:
                async for chunk in response.content.iter_any():
                    size += len(chunk)
                    if size > BYTES:
                        raise Rejection("too large")
                    digest.update(chunk)
                    part.write(chunk)
            whole = (
                response.content_length is not None
            )  # aiohttp has counted; otherwise the end may be a lost connection
            extension, width, height = await asyncio.to_thread(inspect, Path(part.name), whole)
            name = f"{digest.hexdigest()}.{extension}"
            Path(part.name).replace(self.folder / name)
        finally:
            Path(part.name).unlink(missing_ok=True)
        return Picture(f"pictures/{name}", digest.hexdigest(), size, width, height)


def inspect(path: Path, whole: bool = True) -> tuple[str, int, int]:
    """Decode a picture to its end: (extension of its true format, width, height as displayed).

    whole: all its bytes are known to have come, so that asking again for a broken one is useless.
    Raises Rejection, or TryAgain for one that ends early when it was not known to be whole.
    """
    try:
        image = Image.open(path, formats=[name for name in FORMATS if name != "MPO"])
    except Image.DecompressionBombError:
        raise Rejection("too many pixels") from None
    except Exception:  # decoders raise what they like at what they cannot read
        raise Rejection("not an image") from None
    with image:
        width, height = image.size
        if width * height > PIXELS:
            raise Rejection("too many pixels")
        try:
            image.load()
            sideways = image.getexif().get(0x0112, 1) in (5, 6, 7, 8)  # EXIF orientations that swap the sides
        except Exception:
            if not whole:
                raise TryAgain("truncated") from None
            raise Rejection("broken image") from None
    return FORMATS[image.format], *((height, width) if sideways else (width, height))
