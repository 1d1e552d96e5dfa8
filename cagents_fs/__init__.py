"""Coordination for fleets of AI coding agents through nothing but files.

The map of this house. The tree of files is the state; the daemon keeps a picture of it in memory (the index), never
trusted over the tree. On each turn it looks where something may have changed, lets every rule decide once, and makes
the actions that come out durable, in an order that a crash cannot turn against us. Restart is the normal path.

    model/              NOUNS, without any I/O
      ids.py            what may be an id, and which names are ever read
      text.py           what an agent wrote, made safe to show
      durations.py      spans of time in every form people write them
      faults.py         one thing that is wrong, with its place
      fields.py         kinds of values, each with the mistake it catches
      parts.py          criteria and dependencies
      files.py          the kinds of files: validation, JSON Schema and type in one
      states.py         the life of a task: the table of legal moves
      layout.py         the grammar of paths
      policy.py         every number in force
      observations.py   what the eyes report
      actions.py        what a rule may ask for
      lines.py          what the lines of a journal say
    core/               MEMORY
      history.py        what the journal knows
      index.py          where everything is, who waits for whom
      assume.py         what an action will have changed
      graph.py          cycles, waves, modes
      ordering.py       the one order in a queue
    rules/              DECISIONS, one question a file
      reconcile.py      the pass: all of them, in order
      recovery.py       what did a crash cut short?
      foreign.py        what has somebody else moved?
      requests.py       what do people ask for?
      completion.py     what has been finished?
      verification.py   does a manifest hold?
      verdicts.py       what follows from a verdict
      liveness.py       who has gone quiet?
      retries.py        again, when, or never?
      dependencies.py   what may start now, and what can start no more?
      admission.py      how many at once, and who takes it?
      staffing.py       which tasks do our own agents take up?
      unclaimed.py      what does nobody claim?
      phases.py         how far is the whole?
    store/              FILES
      disk.py           the calls that change the tree
      journal.py        one line a change of state
      commit.py         actions to durable changes: the write-ordering contract
      changes.py        renames and edits of one instruction
      informing.py      messages, verdicts, quarantine
      definitions.py    what was taken in
      locks.py          one daemon a tree; one at a time in a queue
      tree.py           listings of the state directories
      reading.py        bounded reading that never hangs
      yaml.py           bounded YAML 1.2, in one pass
      survey.py         where everything in a YAML file stands
      source.py         what can be judged of bytes without parsing
      scalars.py        what an unquoted word means
      complaints.py     what the parser's complaints mean
      dump.py           writing YAML, and changing what others wrote
      check.py          document to record, every fault at once
      beneath.py        inside the roots
      evidence.py       are these the bytes that were claimed?
    runner/             HANDS
      processes.py      agents as processes, behind a gate
      prompts.py        what an agent is told, and its surroundings
      checks.py         one check, bounded
      kept_output.py    what is kept of its output
      offspring.py      what it has started
    report/             VIEWS
      status.py         who does what, in numbers
      story.py          why is a task where it is?
    daemon/             THE LOOP
      service.py        the daemon's life: lock, signals, wiring
      loop.py           turns, one after another
      eyes.py           what is there?
      hearing.py        what do events point at?
      plan_eyes.py      plans, further tasks, requests
      work_eyes.py      output, manifests, artifacts
      beat_eyes.py      heartbeats
      intake.py         taking in plans and tasks
      settling.py       is a file finished?
      answering.py      what is wrong is answered once
      watch.py          events, as hints
      clock.py          observed time
      hands.py          the runner's part of a turn
      checking.py       checks in threads
      verdict_desk.py   checks out, answers in
      derived.py        files that decide nothing
      trouble.py        when the file system refuses
      logs.py           one record a line
    client/             THE VERBS
      submitting.py     init, submit
      working.py        claim, heartbeat, complete, fail
      reading.py        inbox, prime
      steering.py       cancel, retry, rescue
      asking.py         verify, audit
      validating.py     validate
      doctor.py         doctor
      naming.py         which task is meant?
    demo/               fifty agents at once
      planning.py       workspace and plan
      running.py        running and showing it
      figures.py        what its table says
      same_program.py   is it still the same program?
    cli/                the command line, click and little else
      output.py         data out, errors out
      setting_up.py     init, doctor, config
      running.py        submit, watch, run
      run_to_end.py     run from beginning to end
      working.py        claim, heartbeat, complete, fail
      reading.py        inbox, prime
      seeing.py         status, ready, tasks, show, explain, events
      judging.py        verify, validate, audit
      steering.py       cancel, retry, rescue
      demonstrating.py  demo
      completing.py     completion
    picture.py          a picture of a tree, for daemon and commands
    plans.py            judging a plan as a whole
    evidence.py         from a manifest's bytes to what the rules judge
    jobs.py             the checks of a task: what is run, and what came out
    handing_in.py       writing manifests
    config.py           the configuration files -> the Policy
    config_file.py      one configuration file as it was found
    settings.py         which key changes which number
    errors.py           every way we refuse

Imports go one way: cli, demo -> client, daemon -> picture, plans, ... -> config -> report, rules -> store, runner, core
-> model. Daemon and client never import each other: they meet in the tree. `scripts/test` holds all of this.
"""

__version__ = "0.1.0"
