"""The entrypoint: Vercel serves `app`.

https://vercel.com/docs/functions/runtimes/python
"""

import os

from vercel_app.application import make_app

app = make_app(os.environ)
