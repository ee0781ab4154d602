#!/bin/sh
# Runs the tests. Keeps a line in runs.log, so that one can see how often it was started.
echo "started" >> runs.log
python3 -m unittest 2>&1
status=$?
sleep 1
echo "finished" >> runs.log
exit $status
