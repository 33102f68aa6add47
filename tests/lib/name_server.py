"""A name server in the internet namespace of netns.Network, for what is started in the office with `ip netns exec`."""
import os
import socket
import threading

import dns.flags
import dns.message
import dns.rcode
import dns.rrset

from netns import INTERNET


class NameServer:
    """records: {(name, "MX"): ["10 mx.example."]}; what is not there does not exist. `silent`: nobody answers."""

    def __init__(self, network, records, silent=False):
        self.records, self.asked = records, []
        self.socket = network.within(network.internet, lambda: self._bound())
        folder = "/etc/netns/" + network.office
        os.makedirs(folder, exist_ok=True)
        with open(folder + "/resolv.conf", "w") as out:
            out.write("nameserver %s\n" % INTERNET)
        if not silent:
            threading.Thread(target=self._serve, daemon=True).start()

    @staticmethod
    def _bound():
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.bind((INTERNET, 53))
        return s

    def _serve(self):
        while True:
            try:
                data, peer = self.socket.recvfrom(4096)
            except OSError:
                return
            query = dns.message.from_wire(data)
            question = query.question[0]
            key = (question.name.to_text(omit_final_dot=True).lower(), dns.rdatatype.to_text(question.rdtype))
            self.asked.append(key)
            answer = dns.message.make_response(query)
            answer.flags |= dns.flags.RA
            if key in self.records:
                answer.answer.append(dns.rrset.from_text(question.name, 60, "IN", key[1], *self.records[key]))
            elif not any(name == key[0] for name, _ in self.records):
                answer.set_rcode(dns.rcode.NXDOMAIN)
            self.socket.sendto(answer.to_wire(), peer)

    def stop(self):
        self.socket.close()
