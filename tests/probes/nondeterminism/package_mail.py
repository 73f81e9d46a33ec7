"""Names made of time, process and entropy: mail, MIME borders, HTTP dates."""

import email.utils
import http.cookiejar
import mailbox
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText

print(email.utils.make_msgid(), email.utils.formatdate(), email.utils.localtime())
message = MIMEMultipart()
message.attach(MIMEText("hello"))
print(message.as_string())
print(http.cookiejar.time2isoz(), http.cookiejar.CookieJar())
box = mailbox.Maildir("box")
print(box.add(message))
