"""Every code of a machine file's findings, with what it means. The shape codes are those all files share."""

from __future__ import annotations

from typing import NamedTuple

from rtengine.source.finding import SHAPE_CODES, Severity


class Rule(NamedTuple):
    meaning: str
    severity: Severity = "error"


CODES: dict[str, Rule] = {
    **{"SM" + number: Rule(meaning) for number, meaning in SHAPE_CODES.items()},
    # names and types
    "SM101": Rule("A type is not known"),
    "SM102": Rule("A client event is not one of the API"),
    "SM103": Rule("A host event is not known"),
    "SM104": Rule("A service is not known"),
    "SM105": Rule("A default does not fit its variable"),
    "SM106": Rule("An event is declared twice"),
    "SM107": Rule("Two services run at once under one id"),
    "SM108": Rule("The machine's name is not the part its file plays"),
    "SM109": Rule("`extends` names no file, or leads back to the file itself"),
    "SM110": Rule("`remove` names what is not there, or there is nothing to remove from"),
    # structure
    "SM201": Rule("The initial state is not known"),
    "SM202": Rule("A state has child states and no initial one"),
    "SM203": Rule("The target of a row is not known"),
    "SM204": Rule("A final state has rows, children, services or exit steps"),
    "SM205": Rule("An event is handled and not declared"),
    "SM206": Rule("A row stands after one that is always taken"),
    "SM207": Rule("A row does nothing"),
    "SM208": Rule("Eventless rows go round for ever"),
    "SM209": Rule("A duration cannot be read"),
    "SM210": Rule("Output of a state that does not end the instance"),
    "SM211": Rule("`reenter` on a row without a target"),
    # reachability and unused
    "SM301": Rule("A declared event is handled nowhere", "warning"),
    "SM302": Rule("A state can never be entered", "warning"),
    "SM303": Rule("A state can never be left", "warning"),
    "SM304": Rule("A row can never be taken", "warning"),
    "SM305": Rule("A service's event is awaited where the service does not run", "warning"),
    "SM306": Rule("An internal event is never raised", "warning"),
    # steps and payloads
    "SM401": Rule("A server event is not known"),
    "SM402": Rule("An action is not known"),
    "SM403": Rule("`set` or `into` names nothing that can be assigned"),
    "SM404": Rule("A field is not known"),
    "SM405": Rule("A field is missing"),
    "SM406": Rule("A literal does not fit its field"),
    "SM407": Rule("An expression does not fit its field"),
    "SM408": Rule("The result of an action does not fit, or there is none"),
    # expressions
    "SM501": Rule("An expression cannot be read"),
    "SM502": Rule("An event does not carry the field"),
    "SM503": Rule("A value has no such attribute"),
    "SM504": Rule("A name in an expression is not known"),
    "SM505": Rule("A function is not known"),
    "SM506": Rule("Arguments of a function do not fit"),
    "SM507": Rule("Operands do not fit each other"),
    # promises
    "SM701": Rule("A way to a final state does not send what was promised"),
    "SM702": Rule("What is to be sent once may be sent twice"),
    # between machines
    "SM601": Rule("A machine is not known"),
    "SM602": Rule("An event is sent to a machine that does not declare it"),
    "SM603": Rule("`to: parent` in a machine that none spawns"),
    "SM604": Rule("An event is raised and not declared"),
    "SM605": Rule("The end of a machine is awaited by one that does not spawn it"),
    "SM606": Rule("A client event is claimed by two machines"),
    "SM607": Rule("The output of a machine is not what its parent declares"),
    "SM608": Rule("A declared event is sent by no machine", "warning"),
}
