"""Serve routes and reach services over HTTP."""
