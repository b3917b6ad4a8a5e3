"""Who does it, one message at a time: client, runner, committer and scheduler, all Pykka actors.

Read `messages.py` first: the messages stand there in the order of a mutation's life.
"""
