"""`hardened`: the version without the races, a design of its own behind the same names.

Read `admission.py` (how items come to a batch), `delivery.py` (how a batch comes to its callback), then `public.py`.
What an app may rely on is told in the component's README.
"""
