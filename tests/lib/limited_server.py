"""A provider that lets a mailbox have few sessions: one more is answered 432 4.3.2, as Microsoft's is. It knows how many there were at
most, how often it said no, how many logins were tried, and which messages came twice."""
import collections
import re
import threading
import time

from submission_server import Session, SubmissionServer


class LimitedSession(Session):
    counted = False

    def run(self):
        try:
            super().run()
        finally:
            if self.counted:
                with self.server.gate:
                    self.server.present -= 1

    def do_auth(self, argument):
        with self.server.gate:
            self.server.logins += 1
            full = self.server.present >= self.server.sessions
            if not full:
                self.server.present += 1
                self.counted = True
                self.server.most = max(self.server.most, self.server.present)
            else:
                self.server.turned_away += 1
        if full:
            self.send(b"432 4.3.2 Concurrent connections limit exceeded\r\n")
            return None
        return super().do_auth(argument)

    def do_quit(self, argument):
        if self.counted:
            with self.server.gate:
                self.server.present -= 1
                self.counted = False
        return super().do_quit(argument)

    def judge(self, body):
        time.sleep(self.server.pace)
        super().judge(body)


class LimitedServer(SubmissionServer):
    session_class = LimitedSession

    def __init__(self, *args, sessions=3, pace=0.02, **options):
        self.sessions, self.pace = sessions, pace
        self.present = self.most = self.turned_away = self.logins = 0
        self.gate = threading.Lock()
        super().__init__(*args, **options)

    def subjects(self):
        """How often each subject arrived."""
        with self.lock:
            return collections.Counter(re.search(rb"Subject: ([^\r\n]*)", m.body).group(1).decode() for m in self.messages)
