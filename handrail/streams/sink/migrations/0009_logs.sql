-- Which log the rows of a cluster are of: a topic that is made again has another id, and its offsets begin anew.
CREATE TABLE logs (
    cluster_id VARCHAR NOT NULL,
    topic VARCHAR NOT NULL,
    topic_id VARCHAR NOT NULL,
    PRIMARY KEY (cluster_id, topic)
);
