"""The back office (后台): the operator's view of everything, where every act leaves a record."""
