"""Notices (消息): what people are told, kept as rows and sent by mail or text message."""
