"""Locale, terminal, encodings, zones."""

import locale
import os
import shutil
import sys
import zoneinfo

print(locale.getlocale(), locale.getpreferredencoding(), locale.localeconv())
print(shutil.get_terminal_size(), sys.stdout.isatty(), sys.stdin.isatty(), os.isatty(0))
print(
    sys.getfilesystemencoding(), sys.stdout.encoding, sys.stdout.line_buffering, sys.stderr.errors
)
print(len(zoneinfo.available_timezones()) > 0, zoneinfo.ZoneInfo("UTC"))
try:
    print(os.get_terminal_size())
except OSError as error:
    print(error)
try:
    print(os.ttyname(1))
except OSError as error:
    print(error)
print(os.ctermid(), os.path.realpath("/dev/stdout").partition(":")[0])
