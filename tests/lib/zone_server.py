"""A DNS server that knows nothing but where zones begin, for providers whose zone is found in the DNS.

    with ZoneServer("example.org", "sub.example.org") as dns:
        Provider("example", {...}, resolvers=[dns.address])

`zones` may be given as a dict, with TXT values: {"example.org": {"_acme-challenge.example.org": ["value"]}}."""

import socketserver
import threading

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset


class _Udp(socketserver.BaseRequestHandler):
    def handle(self):
        data, socket = self.request
        socket.sendto(self.server.owner.answer(data), self.client_address)


class ZoneServer:
    def __init__(self, *zones, host="127.0.0.1"):
        self.zones = {}
        for zone in zones:
            self.zones.update(zone if isinstance(zone, dict) else {zone: {}})
        self.questions = []
        self._server = socketserver.ThreadingUDPServer((host, 0), _Udp)
        self._server.daemon_threads = True
        self._server.owner = self
        self.address = f"{host}:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def _zone_of(self, name):
        fitting = [z for z in self.zones if name == z or name.endswith("." + z)]
        return max(fitting, key=len, default=None)

    def answer(self, data):
        query = dns.message.from_wire(data)
        answer = dns.message.make_response(query, recursion_available=True)
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        self.questions.append((name, dns.rdatatype.to_text(question.rdtype)))
        zone = self._zone_of(name)
        if zone is None:
            answer.set_rcode(dns.rcode.NXDOMAIN)
            return answer.to_wire()
        soa = dns.rrset.from_text(
            dns.name.from_text(zone), 60, "IN", "SOA", f"ns1.{zone}. hostmaster.{zone}. 1 3600 600 86400 60"
        )
        values = self.zones[zone].get(name, [])
        if question.rdtype == dns.rdatatype.SOA and name == zone:
            answer.answer.append(soa)
        elif question.rdtype == dns.rdatatype.TXT and values:
            answer.answer.append(
                dns.rrset.from_text_list(question.name, 60, "IN", "TXT", [f'"{value}"' for value in values])
            )
        elif question.rdtype == dns.rdatatype.NS and name == zone:
            answer.answer.append(dns.rrset.from_text(question.name, 60, "IN", "NS", f"ns1.{zone}."))
        else:
            answer.authority.append(soa)
            if name != zone and not values:
                answer.set_rcode(dns.rcode.NXDOMAIN)
        return answer.to_wire()

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
