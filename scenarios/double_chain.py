"""Lesson 15: The double chain of the iterator.

A job that is paused and resumed too soon goes through its table twice at once.

A job of the table iterator is driven by a chain of actions, each of which takes a page and schedules the next. A pause
only changes the job's status; what is pending stays pending, and ends when it finds the job paused. A resume starts a
new chain. But if the old one is still waiting by then, for the delay between two pages or for a back-off, it finds the
job running again and goes on too: two chains, and if they meet, the same rows delivered twice (race R6). All it takes
is two clicks.
No release has anything that ties a job to its chain.

In `hardened` each step has a number that the job knows, and a pause takes back the step that has not begun.

Property: P26 ONE-CHAIN, a running job has exactly one step pending or running; P20 EXACTLY-ONCE.

Question: How patient must whoever resumes be?

Answer: Until the old chain has woken, found the job paused, and ended. Here it wakes at 1,000 ms, and whoever resumes
600 ms after the pause does so at 1,100 ms.
"""

from components.batch_processor import host_app
from convexsim import RandomWalk, World, api, check, eventually, scenario

PATIENCE_MS = 500  # change: PATIENCE_MS = 600
JOB = {"jobId": "migration", "config": {"batchSize": 1, "delayBetweenBatchesMs": 1_000}}


@eventually
def each_row_is_delivered_once(view):
    """When nothing is left to do, every row of the table has been delivered once."""
    pages = [entry for entry in view.external("deliveries") if entry["call"] == "processBatch"]
    rows = [row for page in pages for row in page["items"]]
    assert sorted(rows) == [0, 1, 2], f"delivered {', '.join(map(str, rows))}"


def two_clicks(world: World):
    """A job of three pages is paused and resumed while its second step is pending."""
    for outside in ("processBatch", "getNextBatch", "deliveries"):
        world.external(outside)
    alice = world.client("alice")
    alice.mutation(api.driver.seed_rows, {"n": 3})
    alice.mutation(api.driver.start_iterator, JOB)
    for wait_ms, click in ((500, api.driver.pause_iterator), (PATIENCE_MS, api.driver.resume_iterator)):
        alice.wait(wait_ms)
        alice.mutation(click, {"jobId": "migration"})


@scenario(app=host_app("1.0.9"), invariants=[each_row_is_delivered_once])
def double_chain(world: World):
    """In 1.0.9."""
    two_clicks(world)


@scenario(app=host_app("hardened"), invariants=[each_row_is_delivered_once])
def single_chain(world: World):
    """In `hardened`."""
    two_clicks(world)


def picture():
    return check(double_chain, RandomWalk(runs=100, seed=1))


if __name__ == "__main__":
    report = check(double_chain, RandomWalk(runs=100, seed=1))
    print(report)
    if report.finding is not None:
        print(report.story(), end="\n\n")
    print(check(single_chain, RandomWalk(runs=300, seed=1)))
