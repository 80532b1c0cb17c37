//! DescribeWorkflowExecution.
