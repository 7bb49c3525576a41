"""Renders templates by build/tests/template_run, without the rest of evercert.

    text = render("<%= containers[1].name %>", "nginx", {"containers": [{"name": "web"}]})
    with pytest.raises(TemplateError) as e: ...             # e.value.text, e.value.limit
    pairs = lines(template, model)                          # [(line of output, line of template)]

A template is a text or a pathlib.Path; the model is that of tests/runners/template_world.h. container() and
certificate() make parts of it.
"""

import json
import os
import pathlib
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]


class TemplateError(Exception):
    def __init__(self, text, limit):
        super().__init__(text)
        self.text, self.limit = text, limit


def render(template, kind, model, timeout=120):
    program = pathlib.Path(os.environ.get("EVERCERT_BUILD", ROOT / "build/test")) / "tests/template_run"
    with tempfile.TemporaryDirectory() as folder:
        path = template
        if not isinstance(template, pathlib.Path):
            path = pathlib.Path(folder) / "test.tmpl"
            path.write_text(template)
        done = subprocess.run([program, path, kind], input=json.dumps(model).encode(), capture_output=True, timeout=timeout)
    if done.returncode in (1, 2):
        raise TemplateError(done.stderr.decode().strip(), done.returncode == 2)
    assert done.returncode == 0 and not done.stderr, done.stderr.decode()
    return done.stdout.decode()


def lines(template, model):
    return [tuple(map(int, line.split())) for line in render(template, "lines", model).splitlines()]


def container(name, address="", port=None, **more):
    """One that runs; with an address it is in the network "front"."""
    found = {"name": name, "labels": {}, "env": {}, **more}
    if address:
        found["networks"] = [{"name": "front", "ip": address}]
    if port:
        found["ports"] = [{"port": port}]
    return found


def certificate(name, *domains, live=None, state="valid"):
    """A row as `evercert list --json` has it; `live` is its folder, None: there are no files yet."""
    return {
        "name": name,
        "domains": list(domains or [name]),
        "live": str(live) if live else None,
        "state": state,
        "not_after": "2030-01-01T00:00:00Z" if live else None,
    }
