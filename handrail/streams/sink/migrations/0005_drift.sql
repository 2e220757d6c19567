-- What the sink has judged: a row for each day that is over, each agent, and each detector that had enough to speak.
-- quiet_days: since the detector fired last, where an episode is open.
CREATE TABLE drift_verdicts (
    log_cluster VARCHAR NOT NULL,
    day DATE NOT NULL,
    tenant VARCHAR NOT NULL,
    agent_id VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    measure VARCHAR NOT NULL,
    baseline_from DATE NOT NULL,
    baseline_to DATE NOT NULL,
    alarm BOOLEAN NOT NULL,
    quiet_days INTEGER
);

-- Days before judged_to are judged.
CREATE TABLE drift_progress (
    log_cluster VARCHAR PRIMARY KEY,
    judged_to DATE NOT NULL
);

-- Alerts that are not known to be on their topic yet. They are kept before they are sent: after a crash they are sent
-- again, the same to the byte.
CREATE TABLE alerts_unsent (
    log_cluster VARCHAR NOT NULL,
    subject VARCHAR NOT NULL,
    record VARCHAR NOT NULL
);
