"""Images for a private Docker engine, made of this machine's own programs: each is a program, the libraries that ldd
names, and the few files around it. Small, for the engine's storage copies an image for every container."""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import dockerfile
from peers import from_system

_PASSWD = """\
root:x:0:0:root:/root:/bin/sh
www-data:x:33:33:www-data:/var/www:/bin/sh
nginx:x:101:101:nginx:/nonexistent:/bin/false
nobody:x:65534:65534:nobody:/nonexistent:/bin/false
"""
_GROUP = "root:x:0:\nwww-data:x:33:\nnginx:x:101:\nnogroup:x:65534:\n"

# As the public image's: everything of interest is in conf.d.
_NGINX = """\
user nginx;
worker_processes 1;
error_log /dev/stderr notice;
pid /run/nginx.pid;
events { worker_connections 256; }
http {
    include /etc/nginx/mime.types;
    default_type application/octet-stream;
    access_log /dev/stdout;
    include /etc/nginx/conf.d/*.conf;
}
"""
_MIME = "types { text/html html; text/plain txt; }\n"
_CHANGES_NGINX = ('CMD ["nginx", "-g", "daemon off;"]', "EXPOSE 80")


class Root:
    """A folder that becomes the root of an image."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.chmod(0o755)
        for name in ("etc", "run", "tmp", "proc", "sys", "dev", "var/log", "root"):
            self.directory(name)
        (self.folder / "tmp").chmod(0o1777)
        self.text("etc/passwd", _PASSWD)
        self.text("etc/group", _GROUP)
        self.text("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n")

    def directory(self, name, mode=0o755, owner=0):
        path = self.folder / name.lstrip("/")
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(mode)
        os.chown(path, owner, owner)
        return path

    def text(self, name, text, mode=0o644):
        path = self.folder / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)

    def file(self, source, to=None, strip=False):
        """Copies a file to the same place, or to `to`; what links lead to is copied, not the links."""
        path = self.folder / str(to or source).lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(os.path.realpath(source), path)
        if strip:
            subprocess.run(["strip", "--strip-debug", path], check=False, stderr=subprocess.DEVNULL)
        return path

    def program(self, source, to=None, strip=False):
        """A program with every library that it needs."""
        self.file(source, to, strip)
        for library in libraries(source):
            if not (self.folder / library.lstrip("/")).exists():
                self.file(library)

    def busybox(self, *applets):
        """/bin/sh and these commands; all that busybox has where none is named."""
        self.file(from_system("busybox"), "/bin/busybox")
        every = subprocess.run(["busybox", "--list"], check=True, capture_output=True, text=True).stdout.split()
        names = applets or every
        for name in ("sh", *names):
            path = self.folder / "bin" / name
            if not path.exists():
                path.symlink_to("busybox")



def libraries(program):
    """What the dynamic linker would load for it, as it is named here; none for a static program."""
    done = subprocess.run(["ldd", str(program)], capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"})
    if "not found" in done.stdout:
        raise AssertionError(f"{program} lacks a library:\n{done.stdout}")
    return re.findall(r"(?:=> |^\s+)(/\S+) \(0x", done.stdout, re.M)


def _busybox(root):
    root.busybox()
    return ('CMD ["sh"]',)


def _nginx(root):
    """nginx as the public image lays it out, with a shell."""
    root.program(from_system("nginx"), "/usr/sbin/nginx")
    root.busybox("cat", "ls", "kill", "sleep", "wget", "touch", "id", "test", "mkdir")
    root.text("etc/nginx/nginx.conf", _NGINX)
    root.text("etc/nginx/mime.types", _MIME)
    root.directory("etc/nginx/conf.d")
    root.directory("var/log/nginx")
    root.directory("usr/share/nginx/html")
    root.directory("var/lib/nginx")
    return _CHANGES_NGINX


_KNOWN = {"busybox": _busybox, "nginx": _nginx}


def make(engine, name):
    """Makes the image `name` where the engine has none of it; returns the name."""
    if engine.has_image(name):
        return name
    if name == "evercert":
        dockerfile.build(engine)
    else:
        with tempfile.TemporaryDirectory(prefix="evercert-image-") as folder:
            changes = _KNOWN[name](Root(folder))
            engine.import_image(name, folder, changes)
    return name
