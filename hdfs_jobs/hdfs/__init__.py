"""Storage on HDFS, by both of its protocols; `hdfs_jobs.storage` opens it."""
