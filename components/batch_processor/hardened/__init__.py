"""`hardened`: the version without the races, a design of its own behind the same names.

The accumulator: read `public.py` (what is called), `admission.py` (how items come to a batch), `delivery.py` (how a
batch comes to its callback), `dead_letters.py`. The iterator: `iterator.py` (what is called), `steps.py` (what drives a
job), `hooks.py` (what follows its end). Both rest on `scheduling.py`. What an app may rely on says the README.
"""
