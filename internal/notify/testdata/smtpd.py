"""An SMTP server for tests: aiosmtpd, which prints what it was sent.

usage: smtpd.py none|starttls|tls CERT KEY USER PASSWORD   (USER "": no login)

The first line is the port; then comes one JSON object for each message. It
ends with its standard input.
"""

import asyncio
import base64
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult

mode, cert, key, user, password = sys.argv[1:]


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("nobody@"):
            return "550 5.1.1 no such user here"
        if address.startswith("later@"):
            return "450 4.2.0 greylisted, come back"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if envelope.mail_from.startswith("refused@"):
            return "554 5.7.1 this looks like spam"
        if envelope.mail_from.startswith("busy@"):
            return "451 4.3.0 no space left"
        print(json.dumps({
            "from": envelope.mail_from, "to": envelope.rcpt_tos, "user": session.auth_data.login.decode() if session.authenticated else "",
            "tls": session.ssl is not None or mode == "tls", "data": base64.b64encode(envelope.original_content).decode(),
        }), flush=True)
        return "250 OK"


def authenticate(server, session, envelope, mechanism, data):
    ok = data.login.decode() == user and data.password.decode() == password
    return AuthResult(success=ok, handled=False, auth_data=data)


async def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    options = {"hostname": "localhost"}
    if user:
        options |= {"authenticator": authenticate, "auth_required": True, "auth_require_tls": mode == "starttls"}
    if mode == "starttls":
        options |= {"tls_context": context, "require_starttls": True}
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(Handler(), **options), "127.0.0.1", 0, ssl=context if mode == "tls" else None)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


asyncio.run(main())
