"""The page learn/discrete: a free softmax student approaches one teacher under several losses."""
