"""Storage on HDFS, by both of its protocols; `hdfs_jobs.storage.open` opens it."""
