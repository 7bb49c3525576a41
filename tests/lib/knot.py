"""Knot DNS (knotd) as a name_server.py server."""

import subprocess

from name_server import NameServer
from peers import from_system

_SERVER = """\
server:
    rundir: "{folder}"
    listen: {address}@{port}
    identity: ""
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
control:
    listen: "{folder}/knot.sock"
log:
  - target: stderr
    any: info
database:
    storage: "{folder}"
    journal-db-max-size: 16M
    kasp-db-max-size: 16M
    timer-db-max-size: 1M
"""


class Knot(NameServer):
    NAME = "Knot"

    def configure(self):
        text = _SERVER.format(folder=self.folder, address=self.address, port=self.port)
        text += "key:\n" + "".join(
            f"  - id: {key.name}\n    algorithm: {key.algorithm}\n    secret: {key.secret}\n"
            for key in self.all_keys()
        )
        remotes, rules, zones = "", "", ""
        rules += f"  - id: own\n    key: {self.own_key.name}\n    action: [update, transfer]\n"
        for number, zone in enumerate(self.zones.values()):
            mine = [f'  - domain: "{zone.name}"', f'    file: "{self.folder}/zone-{number}"']
            mine += ["    zonefile-sync: -1", "    journal-content: changes"]
            acl = ["own"]
            if zone.primary:
                remotes += _remote(f"primary-{number}", zone.primary, zone.primary.own_key.name)
                mine += [f"    master: primary-{number}", "    refresh-min-interval: 3600"]
                if not zone.lags:
                    # PowerDNS signs what it tells, the others do not.
                    rules += f"  - id: notify-{number}\n    key: {zone.primary.own_key.name}\n    action: notify\n"
                    acl += ["notify", f"notify-{number}"]
            else:
                (self.folder / f"zone-{number}").write_text(self.zone_text(zone))
                mine += ["    zonefile-load: difference-no-serial", "    serial-policy: increment"]
                mine[3] = "    journal-content: all"
            for key in zone.keys:
                rules += f"  - id: {number}-{key.name}\n    key: {key.name}\n    action: update\n"
                acl.append(f"{number}-{key.name}")
            told = []
            for other, server in enumerate(zone.secondaries):
                told.append(f"secondary-{number}-{other}")
                remotes += _remote(told[-1], server)
            if told:
                mine.append(f"    notify: [{', '.join(told)}]")
            zones += "\n".join([*mine, f"    acl: [{', '.join(acl)}]"]) + "\n"
        rules += "  - id: notify\n    address: 127.0.0.0/8\n    action: notify\n"
        text += (f"remote:\n{remotes}" if remotes else "") + f"acl:\n{rules}" + (f"zone:\n{zones}" if zones else "")
        (self.folder / "knot.conf").write_text(text)

    def argv(self):
        return [from_system("knotd"), "-c", self.folder / "knot.conf"]

    def ask_to_refresh(self, zone):
        argv = [from_system("knotc"), "-s", self.folder / "knot.sock", "-b", "zone-refresh", zone]
        done = subprocess.run([str(word) for word in argv], capture_output=True, text=True, timeout=20)
        assert done.returncode == 0, done.stdout + done.stderr


def _remote(name, server, key=None):
    signed = f"    key: {key}\n" if key else ""
    return f"  - id: {name}\n    address: {server.address}@{server.port}\n{signed}"
