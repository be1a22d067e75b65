"""Asking servers of others: politely, within their limits, and as often as it takes."""
