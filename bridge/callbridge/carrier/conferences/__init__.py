"""Conferences: legs in one room, with their roles, their sounds and their webhooks."""
