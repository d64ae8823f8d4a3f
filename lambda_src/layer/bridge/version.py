"""The version's only home. A release is a commit that sets it: CONTRIBUTING.md says how to make one."""

VERSION = "0.2.0"
