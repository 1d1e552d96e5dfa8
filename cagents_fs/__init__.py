"""Coordination for fleets of AI coding agents through nothing but files.

The map of this house. The tree of files is the state; the daemon keeps a picture of it in memory (the index), never
trusted over the tree. On each turn it looks where something may have changed, lets every rule decide once, and makes
the actions that come out durable, in an order that a crash cannot turn against us. Restart is the normal path.

    model/              NOUNS, without any I/O
      ids.py            what may be an id, and which names are ever read
      text.py           what an agent wrote, made safe to show
      durations.py      spans of time in every form people write them
      sla.py            how soon somebody needs an answer
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
      ledger.py         what the journal knows of one task
      record.py         what we know of one task
      work.py           one instruction: where its tasks lie, who waits for whom
      escalated.py      what the journal knows of one escalation
      index.py          all instructions, and what they know of each other
      assume.py         what an action will have changed
      doom.py           which tasks can no longer start, and what was lost
      graph.py          cycles, waves, modes
      coherence.py      do parents, circles and stages make sense together?
      ordering.py       the one order in a queue
      artifacts.py      what one task hands over to another
      inputs.py         what a task gets from those for whose artifacts it waited
      lanes.py          who comes first of those in the queues
      meetings.py       who meets at a checkpoint, and who has come
      stages.py         the stages of a pipeline
    rules/              DECISIONS, one question a file
      reconcile.py      the pass: all of them, in order
      recovery.py       what did a crash cut short?
      foreign.py        what has somebody else moved?
      requests.py       what do people ask for?
      escalations.py    who needs help, and who gives it?
      answers.py        what an answer comes to
      own_pleas.py      for whom the daemon asks
      pleas.py          what the daemon's own escalations are called and say
      oddities.py       what is said of a file that is odd, and was taken
      checkpoints.py    who has met?
      parents.py        which parents wait in vain?
      completion.py     what has been finished?
      verification.py   does a manifest hold?
      verdicts.py       what follows from a verdict
      liveness.py       who has gone quiet?
      retries.py        again, when, or never?
      dependencies.py   what may start now, and what can start no more?
      admission.py      what may be released now?
      breaker.py        who fails too often?
      limits.py         what every limit says
      over_limit.py     which claims go too far?
      placement.py      who takes it?
      steering.py       what a decision about a task comes to
      staffing.py       which tasks do our own agents take up?
      alerts.py         which queues are too deep?
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
      holders.py        who holds a lock
      mounts.py         what kind of file system, and what is mounted in the tree
      probe.py          what the file system can do, tried out
      tree.py           listings of the state directories
      reading.py        bounded reading that never hangs
      yaml.py           bounded YAML 1.2, in one pass
      survey.py         where everything in a YAML file stands
      source.py         what can be judged of bytes without parsing
      scalars.py        what an unquoted word means
      complaints.py     what the parser's complaints mean
      dump.py           writing YAML, and changing what others wrote
      table.py          rows of a long list, written fast
      check.py          document to record, every fault at once
      descent.py        down from a root, without links
      beneath.py        inside the roots
      evidence.py       are these the bytes that were claimed?
      fingerprint.py    did somebody work below a folder?
    runner/             HANDS
      processes.py      agents as processes, behind a gate
      prompts.py        what an agent is told, and its surroundings
      checks.py         one check, bounded
      kept_output.py    what is kept of its output
      offspring.py      what it has started
    report/             VIEWS
      status.py         who does what, in numbers
      results.py        what has come of it?
      capacity.py       what can each agent take on?
      story.py          what is told of a task
      why.py            why is it where it is, and what would free it?
      roots.py          what is at the root of a wait?
      queued.py         why is a task in a queue not taken up?
      urgency.py        how urgent is it, and why?
      graph.py          who waits for whom
      drawing.py        a graph as text, for Graphviz, for Mermaid
      words.py          how times and places are said
    daemon/             THE LOOP
      service.py        the daemon's life: lock, signals, wiring
      loop.py           turns, one after another
      eyes.py           what is there?
      hearing.py        what do events point at?
      signs.py          who gives signs of life of which no event tells?
      plan_eyes.py      plans, further tasks, requests
      work_eyes.py      output, manifests, artifacts
      beat_eyes.py      heartbeats
      plea_eyes.py      escalations, responses, arrivals at checkpoints
      fresh.py          each settled file is judged once
      intake.py         taking in plans and tasks
      settling.py       is a file finished?
      ownership.py      whose tree is it?
      answering.py      what is wrong is answered once
      misnamed.py       plans and manifests under names that nobody reads
      watch.py          events, as hints
      watch_file.py     how we see, written down
      holding.py        what nothing is decided about for now
      our_faults.py     what a fault of ours concerns is set aside
      clock.py          observed time
      hands.py          the runner's part of a turn
      on_behalf.py      manifests for agents that wrote none
      beats.py          the runner's own heartbeats
      checking.py       checks in threads
      measuring.py      hashing in threads, the short before the long
      verdict_desk.py   checks out, answers in
      derived.py        files that decide nothing
      result_files.py   what has come of it, written down
      capacity_files.py what each agent can take on, written down
      trouble.py        when the file system refuses
      logs.py           one record a line
    client/             THE VERBS
      submitting.py     init, submit
      claiming.py       claim
      working.py        heartbeat, complete, fail
      pleading.py       escalate, answer, send
      reading.py        inbox, prime
      steering.py       cancel, retry, rescue, pause, resume, reassign, depend
      looking.py        what agents say of themselves
      asking.py         verify, audit
      validating.py     validate
      doctor.py         doctor
      machine.py        what it says of file system, limits and clock
      mending.py        what doctor --fix mends
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
      progress.py       what it tells meanwhile
      working.py        claim, heartbeat, complete, fail
      pleading.py       escalate, answer, send
      reading.py        inbox, prime
      seeing.py         ready, tasks, show
      explaining.py     explain
      graphing.py       graph
      judging.py        verify, validate, audit
      steering.py       cancel, retry, rescue, pause, resume, reassign, depend
      demonstrating.py  demo
      completing.py     completion
    picture.py          a picture of a tree, for daemon and commands
    waiting.py          who waits for others, seen without a daemon
    plans.py            judging a plan as a whole
    evidence.py         from a manifest's bytes to what the rules judge
    jobs.py             the checks of a task: what is run, and what came out
    handing_in.py       writing manifests
    config.py           the configuration files -> the Policy
    config_file.py      one configuration file as it was found
    settings.py         which key changes which number
    setting_kinds.py    what may stand at a key
    errors.py           every way we refuse

Imports go one way: cli, demo -> client, daemon -> picture, plans, ... -> config -> report, rules -> store, runner, core
-> model. Daemon and client never import each other: they meet in the tree. `scripts/test` holds all of this.
"""

__version__ = "0.1.0"
