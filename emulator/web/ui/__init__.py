"""The dashboard: pages below /ui/ that show what the server does, and try it.

Views translate: everything that they show comes from the services that the APIs use. HTML is made
here, on the server; the scripts in `static` keep it fresh, and no page needs another host.
"""
