"""The basket (购物篮): what somebody means to buy, before any promise is made."""
