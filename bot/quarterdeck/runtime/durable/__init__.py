"""Run work that must survive a crash: each finished step once, from where it stopped.

A run is a plain async function, its body, that does everything with an effect, or that could come out
differently next time, in named steps. What a step returned is on disk; after a crash the body runs again from
its first line and finished steps answer from there. Hence: no clock, no chance, no environment and no
settings outside of a step, and the names and order of steps depend on the input and on earlier steps only.

DBOS Transact does the keeping. It is imported when the engine is launched, in a thread with an event loop of
its own: the first command is answered before, and DBOS's change of the loop's default executor does not reach
ours.
"""

from quarterdeck.runtime.durable.database import Synchronous
from quarterdeck.runtime.durable.durable import Durable
from quarterdeck.runtime.durable.run import Body, Done, Queue, Run, RunRow, RunState

__all__ = ["Body", "Done", "Durable", "Queue", "Run", "RunRow", "RunState", "Synchronous"]
