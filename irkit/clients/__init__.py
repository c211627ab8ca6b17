"""Where SDKs end: the ports of `model.ports`, implemented over real APIs, files and signers.

May live here: connections, authentication, wire formats, time limits, retries of reads, and the one place where an
API's answer becomes one of irkit's errors. May not: a decision about what to do, a journal record, a repeated write,
anything that people see. `kubernetes`, boto3 and botocore may be imported only here (and in `lab`), and only inside
the function that needs them: they cost most of the start-up time.
"""
